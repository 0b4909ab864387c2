; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @arm_rust(ptr noalias noundef align 8 captures(none) dereferenceable(152) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = getelementptr inbounds nuw i8, ptr %v1, i64 80
  %v3 = load i64, ptr %v2, align 8
  %v4 = getelementptr inbounds nuw i8, ptr %v1, i64 148
  %v5 = load i8, ptr %v4, align 4
  %v6 = trunc nuw i8 %v5 to i1
  %v7 = select i1 %v6, i64 -1, i64 4294967295
  %v8 = and i64 %v7, %v3
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v10 = load i64, ptr %v9, align 8
  %v11 = icmp eq i64 %v10, %v8
  br i1 %v11, label %b5, label %b1
b1:
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 120
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
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 88
  %v19 = load i64, ptr %v18, align 8
  %v20 = icmp eq i64 %v19, 0
  br i1 %v20, label %b8, label %b7
b7:
  %v21 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v22 = load i32, ptr %v21, align 8
  %v23 = zext i32 %v22 to i64
  br label %b14
b8:
  %v24 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  %v25 = load ptr, ptr %v24, align 8
  %v26 = load i8, ptr %v4, align 4
  %v27 = trunc nuw i8 %v26 to i1
  br i1 %v27, label %b9, label %b10
b9:
  %v28 = load atomic i64, ptr %v25 monotonic, align 8
  br label %b11
b10:
  %v29 = load atomic i32, ptr %v25 monotonic, align 4
  %v30 = zext i32 %v29 to i64
  br label %b11
b11:
  %v31 = phi i64 [ -1, %b9 ], [ 4294967295, %b10 ]
  %v32 = phi i64 [ %v28, %b9 ], [ %v30, %b10 ]
  fence acquire
  %v33 = sub i64 %v32, %v17
  %v34 = and i64 %v33, %v31
  %v35 = and i64 %v32, 7
  %v36 = icmp eq i64 %v35, 0
  br i1 %v36, label %b12, label %b17
b12:
  %v37 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v38 = load i32, ptr %v37, align 8
  %v39 = zext i32 %v38 to i64
  %v40 = icmp ugt i64 %v34, %v39
  br i1 %v40, label %b17, label %b13
b13:
  store i64 %v34, ptr %v18, align 8
  %v41 = icmp eq i64 %v34, 0
  br i1 %v41, label %b17, label %b14
b14:
  %v42 = phi i64 [ %v23, %b7 ], [ %v39, %b13 ]
  %v43 = add nsw i64 %v42, -8
  %v44 = and i64 %v43, %v17
  %v45 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  %v46 = load ptr, ptr %v45, align 8
  %v47 = getelementptr inbounds nuw i8, ptr %v46, i64 %v44
  %v48 = load atomic i32, ptr %v47 monotonic, align 4
  fence acquire
  %v49 = icmp sgt i32 %v48, -1
  br i1 %v49, label %b15, label %b17
b15:
  %v50 = and i32 %v48, 1073741823
  %v51 = add nuw nsw i32 %v50, 15
  %v52 = and i32 %v51, 2147483640
  %v53 = zext nneg i32 %v52 to i64
  %v54 = load i64, ptr %v18, align 8
  %v55 = icmp ult i64 %v54, %v53
  br i1 %v55, label %b17, label %b16
b16:
  %v56 = zext nneg i32 %v48 to i64
  %v57 = shl nuw nsw i64 %v56, 32
  %v58 = or disjoint i64 %v57, 2
  br label %b17
b17:
  %v59 = phi i64 [ 0, %b13 ], [ %v32, %b11 ], [ 1, %b14 ], [ %v58, %b16 ], [ %v32, %b12 ], [ %v53, %b15 ]
  %v60 = phi i1 [ true, %b13 ], [ false, %b11 ], [ true, %b14 ], [ true, %b16 ], [ false, %b12 ], [ false, %b15 ]
  %v61 = and i64 %v59, 4294967295
  %v62 = icmp ne i64 %v61, 2
  %v63 = select i1 %v60, i1 %v62, i1 false
  br label %b18
b18:
  %v64 = phi i1 [ %v63, %b17 ], [ false, %b5 ]
  ret i1 %v64
}
