; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @arm_rust(ptr noalias noundef align 8 captures(none) dereferenceable(216) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = getelementptr inbounds nuw i8, ptr %v1, i64 112
  %v3 = load i64, ptr %v2, align 8
  %v4 = getelementptr inbounds nuw i8, ptr %v1, i64 212
  %v5 = load i8, ptr %v4, align 4
  %v6 = trunc nuw i8 %v5 to i1
  %v7 = select i1 %v6, i64 -1, i64 4294967295
  %v8 = and i64 %v7, %v3
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 152
  %v10 = load i64, ptr %v9, align 8
  %v11 = icmp eq i64 %v10, %v8
  br i1 %v11, label %b5, label %b1
b1:
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 184
  %v13 = load ptr, ptr %v12, align 8
  br i1 %v6, label %b2, label %b3
b2:
  store atomic i64 %v8, ptr %v13 release, align 8
  br label %b4
b3:
  %v14 = trunc i64 %v3 to i32
  store atomic i32 %v14, ptr %v13 release, align 4
  br label %b4
b4:
  store i64 %v8, ptr %v9, align 8
  br label %b5
b5:
  fence seq_cst
  %v15 = load i64, ptr %v1, align 8
  %v16 = icmp eq i64 %v15, 4
  br i1 %v16, label %b6, label %b18
b6:
  %v17 = load i64, ptr %v2, align 8
  %v18 = load i64, ptr %v9, align 8
  %v19 = load i8, ptr %v4, align 4
  %v20 = trunc nuw i8 %v19 to i1
  %v21 = sub i64 %v17, %v18
  %v22 = select i1 %v20, i64 -1, i64 4294967295
  %v23 = and i64 %v22, %v21
  %v24 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v25 = load i64, ptr %v24, align 8
  %v26 = icmp eq i64 %v25, 0
  br i1 %v26, label %b8, label %b7
b7:
  %v27 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v28 = load i32, ptr %v27, align 8
  %v29 = zext i32 %v28 to i64
  br label %b14
b8:
  %v30 = getelementptr inbounds nuw i8, ptr %v1, i64 192
  %v31 = load ptr, ptr %v30, align 8
  br i1 %v20, label %b9, label %b10
b9:
  %v32 = load atomic i64, ptr %v31 monotonic, align 8
  br label %b11
b10:
  %v33 = load atomic i32, ptr %v31 monotonic, align 4
  %v34 = zext i32 %v33 to i64
  br label %b11
b11:
  %v35 = phi i64 [ -1, %b9 ], [ 4294967295, %b10 ]
  %v36 = phi i64 [ %v32, %b9 ], [ %v34, %b10 ]
  fence acquire
  %v37 = sub i64 %v36, %v17
  %v38 = and i64 %v37, %v35
  %v39 = and i64 %v36, 7
  %v40 = icmp eq i64 %v39, 0
  br i1 %v40, label %b12, label %b17
b12:
  %v41 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v42 = load i32, ptr %v41, align 8
  %v43 = zext i32 %v42 to i64
  %v44 = tail call i64 @llvm.usub.sat.i64(i64 %v43, i64 %v23)
  %v45 = icmp ugt i64 %v38, %v44
  br i1 %v45, label %b17, label %b13
b13:
  store i64 %v38, ptr %v24, align 8
  %v46 = icmp eq i64 %v38, 0
  br i1 %v46, label %b17, label %b14
b14:
  %v47 = phi i64 [ %v29, %b7 ], [ %v43, %b13 ]
  %v48 = add nsw i64 %v47, -8
  %v49 = and i64 %v48, %v17
  %v50 = getelementptr inbounds nuw i8, ptr %v1, i64 200
  %v51 = load ptr, ptr %v50, align 8
  %v52 = getelementptr inbounds nuw i8, ptr %v51, i64 %v49
  %v53 = load atomic i32, ptr %v52 monotonic, align 4
  fence acquire
  %v54 = icmp sgt i32 %v53, -1
  br i1 %v54, label %b15, label %b17
b15:
  %v55 = and i32 %v53, 1073741823
  %v56 = add nuw nsw i32 %v55, 15
  %v57 = and i32 %v56, 2147483640
  %v58 = zext nneg i32 %v57 to i64
  %v59 = load i64, ptr %v24, align 8
  %v60 = icmp ult i64 %v59, %v58
  br i1 %v60, label %b17, label %b16
b16:
  %v61 = zext nneg i32 %v53 to i64
  %v62 = shl nuw nsw i64 %v61, 32
  %v63 = or disjoint i64 %v62, 2
  br label %b17
b17:
  %v64 = phi i64 [ 0, %b13 ], [ %v36, %b11 ], [ 1, %b14 ], [ %v63, %b16 ], [ %v36, %b12 ], [ %v58, %b15 ]
  %v65 = phi i1 [ true, %b13 ], [ false, %b11 ], [ true, %b14 ], [ true, %b16 ], [ false, %b12 ], [ false, %b15 ]
  %v66 = and i64 %v64, 4294967295
  %v67 = icmp ne i64 %v66, 2
  %v68 = select i1 %v65, i1 %v67, i1 false
  br label %b18
b18:
  %v69 = phi i1 [ %v68, %b17 ], [ false, %b5 ]
  ret i1 %v69
}
