; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @arm_rust(ptr noalias noundef align 8 captures(none) dereferenceable(232) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  %v3 = load i64, ptr %v2, align 8
  %v4 = getelementptr inbounds nuw i8, ptr %v1, i64 228
  %v5 = load i8, ptr %v4, align 4
  %v6 = trunc nuw i8 %v5 to i1
  %v7 = select i1 %v6, i64 -1, i64 4294967295
  %v8 = and i64 %v7, %v3
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 168
  %v10 = load i64, ptr %v9, align 8
  %v11 = icmp eq i64 %v10, %v8
  br i1 %v11, label %b5, label %b1
b1:
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 200
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
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v16 = load i64, ptr %v15, align 8
  %v17 = icmp eq i64 %v16, 4
  br i1 %v17, label %b6, label %b18
b6:
  %v18 = load i64, ptr %v2, align 8
  %v19 = load i64, ptr %v9, align 8
  %v20 = load i8, ptr %v4, align 4
  %v21 = trunc nuw i8 %v20 to i1
  %v22 = sub i64 %v18, %v19
  %v23 = select i1 %v21, i64 -1, i64 4294967295
  %v24 = and i64 %v23, %v22
  %v25 = getelementptr inbounds nuw i8, ptr %v1, i64 56
  %v26 = load i64, ptr %v25, align 8
  %v27 = icmp eq i64 %v26, 0
  br i1 %v27, label %b8, label %b7
b7:
  %v28 = getelementptr inbounds nuw i8, ptr %v1, i64 224
  %v29 = load i32, ptr %v28, align 8
  %v30 = zext i32 %v29 to i64
  br label %b14
b8:
  %v31 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v32 = load ptr, ptr %v31, align 8
  br i1 %v21, label %b9, label %b10
b9:
  %v33 = load atomic i64, ptr %v32 monotonic, align 8
  br label %b11
b10:
  %v34 = load atomic i32, ptr %v32 monotonic, align 4
  %v35 = zext i32 %v34 to i64
  br label %b11
b11:
  %v36 = phi i64 [ -1, %b9 ], [ 4294967295, %b10 ]
  %v37 = phi i64 [ %v33, %b9 ], [ %v35, %b10 ]
  fence acquire
  %v38 = sub i64 %v37, %v18
  %v39 = and i64 %v38, %v36
  %v40 = and i64 %v37, 7
  %v41 = icmp eq i64 %v40, 0
  br i1 %v41, label %b12, label %b17
b12:
  %v42 = getelementptr inbounds nuw i8, ptr %v1, i64 224
  %v43 = load i32, ptr %v42, align 8
  %v44 = zext i32 %v43 to i64
  %v45 = tail call i64 @llvm.usub.sat.i64(i64 %v44, i64 %v24)
  %v46 = icmp ugt i64 %v39, %v45
  br i1 %v46, label %b17, label %b13
b13:
  store i64 %v39, ptr %v25, align 8
  %v47 = icmp eq i64 %v39, 0
  br i1 %v47, label %b17, label %b14
b14:
  %v48 = phi i64 [ %v30, %b7 ], [ %v44, %b13 ]
  %v49 = add nsw i64 %v48, -8
  %v50 = and i64 %v49, %v18
  %v51 = getelementptr inbounds nuw i8, ptr %v1, i64 216
  %v52 = load ptr, ptr %v51, align 8
  %v53 = getelementptr inbounds nuw i8, ptr %v52, i64 %v50
  %v54 = load atomic i32, ptr %v53 monotonic, align 4
  fence acquire
  %v55 = icmp sgt i32 %v54, -1
  br i1 %v55, label %b15, label %b17
b15:
  %v56 = and i32 %v54, 1073741823
  %v57 = add nuw nsw i32 %v56, 15
  %v58 = and i32 %v57, 2147483640
  %v59 = zext nneg i32 %v58 to i64
  %v60 = load i64, ptr %v25, align 8
  %v61 = icmp ult i64 %v60, %v59
  br i1 %v61, label %b17, label %b16
b16:
  %v62 = zext nneg i32 %v54 to i64
  %v63 = shl nuw nsw i64 %v62, 32
  %v64 = or disjoint i64 %v63, 2
  br label %b17
b17:
  %v65 = phi i64 [ 0, %b13 ], [ %v37, %b11 ], [ 1, %b14 ], [ %v64, %b16 ], [ %v37, %b12 ], [ %v59, %b15 ]
  %v66 = phi i1 [ true, %b13 ], [ false, %b11 ], [ true, %b14 ], [ true, %b16 ], [ false, %b12 ], [ false, %b15 ]
  %v67 = and i64 %v65, 4294967295
  %v68 = icmp ne i64 %v67, 2
  %v69 = select i1 %v66, i1 %v68, i1 false
  br label %b18
b18:
  %v70 = phi i1 [ %v69, %b17 ], [ false, %b5 ]
  ret i1 %v70
}
